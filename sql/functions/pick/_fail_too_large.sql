-- Ends instances that no pick can hand out, with {"kind": "too_large"}. One whose parent another
-- transaction holds stays as it is, for the next pick.
--
-- Locks:  the caller holds the instances; then as public.gd_commit. Writes: instances; as
--         public.gd_commit.
-- Plan:   instances_pkey.
create function gendurable._fail_too_large(p_worker bigint, p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_outcomes jsonb;
    v_left     bigint[];
begin
    with claimed as (
        update gendurable.instances as i
        set phase = 'executing', worker_id = p_worker, fence = i.fence + 1,
            claimed_at = clock_timestamp(), updated_at = clock_timestamp(), chain = 0
        where i.id = any (p_ids)
        returning i.id, i.fence
    )
    select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'stop',
                                        'error', jsonb_build_object('kind', 'too_large')))
    into v_outcomes
    from claimed as c;
    select array_agg(a.id) into v_left
    from public.gd_commit(p_worker, v_outcomes) as a
    where a.result <> 'committed';
    if v_left is not null then
        perform gendurable._release(array[p_worker], v_left);
    end if;
end
$$;
comment on function gendurable._fail_too_large(bigint, bigint[])
    is 'Ends instances that no pick can hand out.';
