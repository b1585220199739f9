with companies as (
    select companies.*
    from {{ ref("int_company__versions") }} as companies
    inner join {{ ref("int_run__context") }} as run
        on companies.valid_from <= run.as_of and companies.valid_to > run.as_of
),

holidays as (
    select
        holidays.holiday_on,
        min(holidays.holiday_name) as holiday_name
    from {{ ref("stg_lake__holidays") }} as holidays
    inner join companies on holidays.record_key = companies.record_key
    group by holidays.holiday_on
),

bounds as (
    select
        starts_on as first_on,
        ends_on as last_on
    from {{ ref("int_cycle__versions") }}
    union all
    select
        oldest_period_on as first_on,
        newest_period_on as last_on
    from {{ ref("stg_lake__loads") }}
    union all
    select
        as_of as first_on,
        as_of as last_on
    from {{ ref("int_run__context") }}
),

years as (
    select
        cast(cast(min(extract(year from first_on)) as {{ dbt.type_string() }}) || '-01-01' as date) as first_on,
        cast(cast(max(extract(year from last_on)) + 1 as {{ dbt.type_string() }}) || '-01-01' as date) as end_on
    from bounds
),

days as (
    select days.day
    from years
    {{ days_from_until("years.first_on", "years.end_on") }}
),

weeks as (
    select
        day,
        {{ days_between("cast('0001-01-01' as date)", "day") }} % 7 + 1 as iso_day_of_week,
        cast(extract(year from day) as int) as calendar_year,
        cast(extract(quarter from day) as int) as calendar_quarter,
        cast(extract(month from day) as int) as month_of_year,
        cast(extract(day from day) as int) as day_of_month
    from days
),

-- The ISO year and week of a day are those of the Thursday of its week.
thursdays as (
    select
        *,
        {{ add_days("day", "4 - iso_day_of_week") }} as thursday
    from weeks
),

described as (
    select
        thursdays.day as date_on,
        cast(extract(year from thursdays.thursday) as int) as iso_year,
        cast(floor((extract(doy from thursdays.thursday) - 1) / 7) + 1 as int) as iso_week,
        cast(thursdays.iso_day_of_week as int) as iso_day_of_week,
        thursdays.calendar_year,
        thursdays.calendar_quarter,
        thursdays.month_of_year,
        thursdays.day_of_month,
        cast(
            thursdays.calendar_year
            + case
                when
                    coalesce(companies.fiscal_year_starts_month, 1) > 1
                    and thursdays.month_of_year >= companies.fiscal_year_starts_month
                    then 1
                else 0
            end as int
        ) as fiscal_year,
        cast(
            floor((thursdays.month_of_year - coalesce(companies.fiscal_year_starts_month, 1) + 12) % 12 / 3) + 1 as int
        ) as fiscal_quarter,
        {{ add_days("thursdays.day", "1 - thursdays.iso_day_of_week") }} as week_starts_on,
        {{ add_days("thursdays.day", "1 - thursdays.day_of_month") }} as month_starts_on,
        {{ add_months(
            add_days("thursdays.day", "1 - thursdays.day_of_month"), "-1 * ((thursdays.month_of_year - 1) % 3)"
        ) }} as quarter_starts_on,
        holidays.holiday_on is null
        and coalesce(companies.working_days, 'mon,tue,wed,thu,fri') like '%' || case thursdays.iso_day_of_week
            when 1 then 'mon' when 2 then 'tue' when 3 then 'wed' when 4 then 'thu' when 5 then 'fri' when 6 then 'sat'
            else 'sun'
        end || '%' as is_working_day,
        holidays.holiday_name
    from thursdays
    left join companies on 1 = 1
    left join holidays on thursdays.day = holidays.holiday_on
)

select
    date_on as date_key,
    date_on,
    iso_year,
    iso_week,
    iso_day_of_week,
    calendar_year,
    calendar_quarter,
    month_of_year,
    day_of_month,
    fiscal_year,
    fiscal_quarter,
    cast(
        sum(case when is_working_day then 1 else 0 end) over (
            order by date_on rows between unbounded preceding and current row
        ) as int
    ) as working_day_number,
    week_starts_on,
    month_starts_on,
    quarter_starts_on,
    min(case when is_working_day then date_on end) over (
        order by date_on rows between 1 following and unbounded following
    ) as next_working_day_on,
    is_working_day,
    holiday_name
from described
