-- Forgets finished instances row by row, oldest partitions first, `p_batch` at most; children stay
-- as long as their parent lives, or can be brought back to the step that joined them.
--
-- Locks:  the rows, never waiting. Writes: finished, correlation_keys.
-- Plan:   the partitions before the cut-off, read from their start until the batch is full.
create function gendurable._forget_finished(p_cutoff timestamptz, p_batch int) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_forgotten int;
begin
    with old as materialized (
        select f.tableoid, f.ctid
        from gendurable.finished as f
        where f.finished_at < p_cutoff
          and (f.parent_id is null
               or not exists (select from gendurable.instances as p where p.id = f.parent_id)
                  and ((f.parent_id, f.parent_round)
                       in (select j.id, j.round
                           from gendurable._failed_joins(p_cutoff) as j)) is not true)
        limit p_batch
        for update of f skip locked
    ), gone as (
        delete from gendurable.finished as f
        using old as o
        where f.finished_at < p_cutoff and f.tableoid = o.tableoid and f.ctid = o.ctid
        returning f.id,
                  case when f.correlation_scope is not null then f.correlation_key end as reserved
    ), freed as (
        delete from gendurable.correlation_keys as k
        using gone as g
        where k.key = g.reserved and k.instance_id = g.id
    )
    select count(*)::int into v_forgotten from gone;
    return v_forgotten;
end
$$;
comment on function gendurable._forget_finished(timestamptz, int)
    is 'Forgets old finished instances, a batch at a time.';
