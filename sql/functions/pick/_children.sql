-- The children of one round, as the step that a join woke is handed them:
-- [{id, ord, fsm, status, result, error, state}] in the order of the batch.
--
-- What they carry beyond the first 64 MB is left out: [{id, ord, fsm, status, omitted: true}].
-- p_duplicates: of the parent's row.
-- Plan: as gendurable._child_rows.
create function gendurable._children(p_parent_id bigint, p_round int,
                                     p_duplicates jsonb default null)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return coalesce((
        select jsonb_agg(case when c.bytes <= gendurable._most_bytes()
                              then jsonb_build_object('id', c.id, 'ord', c.ord, 'fsm', c.fsm,
                                                      'status', c.status, 'result', c.result,
                                                      'error', c.error, 'state', c.state)
                              else jsonb_build_object('id', c.id, 'ord', c.ord, 'fsm', c.fsm,
                                                      'status', c.status, 'omitted', true) end
                         order by c.ord)
        from (select x.*, sum(gendurable._listed_size(x.fsm, x.result)
                              + gendurable._json_size(x.error)
                              + gendurable._json_size(x.state))
                              over (order by x.ord rows unbounded preceding) as bytes
              from gendurable._child_rows(p_parent_id, p_round, p_duplicates) as x) as c), '[]');
end
$$;
comment on function gendurable._children(bigint, int, jsonb)
    is 'The children of one round, in the order of the batch.';
