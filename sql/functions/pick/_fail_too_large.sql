-- Ends instances that no pick can hand out, with {"kind": "too_large"}. One whose parent another
-- transaction holds stays as it is, for the next pick.
--
-- They draw no tokens, so the lines in which they stood are looked at again.
-- Locks:  the caller holds the instances; then as public.gd_commit.
-- Writes: instances, doorbells; as public.gd_commit.
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
    v_rates    text[];
begin
    with claimed as (
        update gendurable.instances as i
        set phase = 'executing', worker_id = p_worker, fence = i.fence + 1,
            claimed_at = clock_timestamp(), updated_at = clock_timestamp(), chain = 0
        where i.id = any (p_ids)
        returning i.id, i.fence, i.rate_limit
    )
    select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'stop',
                                        'error', jsonb_build_object('kind', 'too_large'))),
           array_agg(c.rate_limit) filter (where c.rate_limit is not null)
    into v_outcomes, v_rates
    from claimed as c;
    select array_agg(a.id) into v_left
    from public.gd_commit(p_worker, v_outcomes) as a
    where a.result <> 'committed';
    if v_left is not null then
        perform gendurable._release(array[p_worker], v_left);
    end if;
    if v_rates is not null then
        perform gendurable._announce(null, null, v_rates);
    end if;
end
$$;
comment on function gendurable._fail_too_large(bigint, bigint[])
    is 'Ends instances that no pick can hand out.';
