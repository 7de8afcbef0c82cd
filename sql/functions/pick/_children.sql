-- The children of one round, as the step that a join woke is handed them:
-- [{id, ord, fsm, status, result, error, state}] in the order of the batch.
--
-- Plan: finished_parent in each partition, kept_parent; instances_parent for one that was revived.
create function gendurable._children(p_parent_id bigint, p_round int) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return coalesce((
        select jsonb_agg(jsonb_build_object('id', c.id, 'ord', c.ord, 'fsm', c.fsm,
                                            'status', c.status, 'result', c.result,
                                            'error', c.error, 'state', c.state)
                         order by c.ord)
        from (select f.id, f.ord, f.fsm, case when f.failed then 'failed' else 'done' end as status,
                     f.result, f.error, f.state
              from gendurable.archive as f
              where f.parent_id = p_parent_id and f.parent_round = p_round
              union all
              select i.id, i.ord, i.fsm, gendurable._status(i.phase), null, i.last_error, i.state
              from gendurable.instances as i
              where i.parent_id = p_parent_id and i.parent_round = p_round) as c), '[]');
end
$$;
comment on function gendurable._children(bigint, int)
    is 'The children of one round, in the order of the batch.';
