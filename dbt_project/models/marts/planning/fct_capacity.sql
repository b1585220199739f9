select
    {{ row_key(["org_unit_id", "cycle_id"]) }} as capacity_key,
    org_unit_id,
    cycle_id,
    measure,
    null_reason,
    verdict,
    -- What is cut to be able to do the rest at all; where that can be done, what is cut to have room.
    {{ joined_texts(
        "case when (verdict = 'exceeds' and must_be_cut) or (verdict = 'tight' and could_be_cut)"
        " then key_result_id end",
        "', '", "place"
    ) }} as cut_first,
    max(capacity) as capacity,
    max(business_as_usual) as business_as_usual,
    max(total_demand) as demand,
    max(load_share) as load_share,
    cast(count(key_result_id) as int) as key_result_count,
    min(source_file) as source_file,
    min(source_row) as source_row
from {{ ref("int_plan__capacity") }}
group by org_unit_id, cycle_id, measure, null_reason, verdict
