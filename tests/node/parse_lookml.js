// Prints a LookML project as lookml-parser reads it: node parse_lookml.js FOLDER
const { parseFiles } = require("lookml-parser");

process.chdir(process.argv[2]);
parseFiles({ source: "**/*.{lkml,lookml}", fileOutput: "by-name" }).then((project) => {
  process.stdout.write(JSON.stringify(project));
});
