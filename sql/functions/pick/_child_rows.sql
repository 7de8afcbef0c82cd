-- The children of one round, in the order of the batch, beyond p_after and p_most of them; among
-- them those that were duplicates, with the id of the occupant of their key.
--
-- In plain SQL, so that it becomes part of the query that asks: a function that pins its plan.
-- p_duplicates: of the parent's row.
-- Plan: finished_parent in each partition, kept_parent; instances_parent for those that live.
create function gendurable._child_rows(p_parent_id bigint, p_round int, p_duplicates jsonb,
                                       p_after int default 0, p_most int default null)
returns table (ord int, id bigint, fsm text, status text, result jsonb, error jsonb, state jsonb)
language sql stable
begin atomic
    select c.ord, c.id, c.fsm, c.status, c.result, c.error, c.state
    from (select f.ord, f.id, f.fsm, case when f.failed then 'failed' else 'done' end as status,
                 f.result, f.error, f.state
          from gendurable.archive as f
          where f.parent_id = p_parent_id and f.parent_round = p_round and f.ord > p_after
          union all
          select i.ord, i.id, i.fsm, gendurable._status(i.phase), null, i.last_error, i.state
          from gendurable.instances as i
          where i.parent_id = p_parent_id and i.parent_round = p_round and i.ord > p_after
          union all
          select d.ord, d.id, d.fsm, 'duplicate', null, null, null
          from jsonb_to_recordset(p_duplicates) as d (round int, ord int, id bigint, fsm text)
          where d.round = p_round and d.ord > p_after) as c
    order by c.ord
    limit p_most;
end;
comment on function gendurable._child_rows(bigint, int, jsonb, int, int)
    is 'The children of one round, in the order of the batch.';
