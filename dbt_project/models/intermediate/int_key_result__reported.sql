select
    days.key_result_id,
    days.day,
    check_ins.check_in_id,
    check_ins.reported_status,
    check_ins.reported_by_id,
    check_ins.confidence,
    check_ins.reported_progress,
    {{ days_between("check_ins.reported_on", "days.day") }} as check_in_age_days,
    check_ins.reported_on
from {{ ref("int_key_result__days") }} as days
inner join {{ ref("int_check_in__statements") }} as check_ins
    on
        days.key_result_id = check_ins.key_result_id
        and days.day >= check_ins.reported_on
        and days.day < check_ins.next_reported_on
