// Lists what JDBC says of a schema's tables, as Looker and Metabase ask: java -cp DRIVER Keys.java URL SCHEMA
import java.sql.*;

public class Keys {
    public static void main(String[] given) throws SQLException {
        try (Connection connection = DriverManager.getConnection(given[0])) {
            DatabaseMetaData about = connection.getMetaData();
            ResultSet tables = about.getTables(null, given[1], "%", new String[] {"TABLE"});
            while (tables.next()) {
                String table = tables.getString("TABLE_NAME");
                System.out.println("table\t" + table + "\t" + tables.getString("REMARKS"));
                ResultSet keys = about.getPrimaryKeys(null, given[1], table);
                while (keys.next()) System.out.println("primary\t" + table + "\t" + keys.getString("COLUMN_NAME"));
                ResultSet foreign = about.getImportedKeys(null, given[1], table);
                while (foreign.next())
                    System.out.println("foreign\t" + table + "\t" + foreign.getString("FKCOLUMN_NAME") + "\t"
                        + foreign.getString("PKTABLE_NAME") + "\t" + foreign.getString("PKCOLUMN_NAME"));
                ResultSet columns = about.getColumns(null, given[1], table, "%");
                while (columns.next())
                    System.out.println("column\t" + table + "\t" + columns.getString("COLUMN_NAME") + "\t"
                        + columns.getString("TYPE_NAME") + "\t" + columns.getString("REMARKS"));
            }
        }
    }
}
