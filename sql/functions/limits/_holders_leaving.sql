-- The concurrency keys for which instances wait while a holder of a slot may be giving it up, in a
-- commit that looked for waiting ones before they could be seen, and so will not ring. Given what
-- held slots, id and key, when the caller saw some wait: such a holder is locked now, or gone.
--
-- gd_commit locks an instance before it looks whether another one waits for its key. So the commit
-- of a holder that is not locked now, and still there, looks later than the caller, and rings. (All
-- other ways to end a claim ring in any case.) A row version whose xmax is none, or the transaction
-- that wrote it, has not been locked since. That is nearly all of them; the others have to be
-- locked to find out.
-- Locks:  those others, skipping locked ones, for a moment: they are let go of at once, so that no
--         commit or release passes over them.
-- Writes: nothing. Plan: instances_pkey; as gendurable._count_of_keys.
-- Errors: none of its own (GD000 is how it lets go; it never leaves).
create function gendurable._holders_leaving(p_ids bigint[], p_keys text[]) returns text[]
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
    v_waited text[];
    v_stay   bigint[];
    v_rest   bigint[];
begin
    v_waited := array(
        select w.key
        from gendurable._count_of_keys(array(select distinct x from unnest(p_keys) as x),
                                       'held', 1) as w
        where w.found > 0);
    if v_waited = '{}' then
        return v_waited;
    end if;
    v_stay := array(
        select i.id from gendurable.instances as i
        where i.id = any (p_ids) and coalesce(i.worker_id > 0, false)
          and i.concurrency_key || '' = any (v_waited) and i.xmax in ('0', i.xmin));
    v_rest := array(
        select h.id from unnest(p_ids, p_keys) as h (id, key)
        where h.key = any (v_waited) and h.id not in (select unnest(v_stay)));
    if v_rest = '{}' then
        return array[]::text[];
    end if;
    begin
        v_stay := array(
            select i.id from gendurable.instances as i
            where i.id = any (v_rest) and coalesce(i.worker_id > 0, false)
              and i.concurrency_key || '' = any (v_waited)
            for share skip locked);
        raise exception using errcode = 'GD000', message = 'gendurable: seen';
    exception when sqlstate 'GD000' then
        return array(
            select distinct h.key from unnest(p_ids, p_keys) as h (id, key)
            where h.id in (select unnest(v_rest)) and h.id not in (select unnest(v_stay)));
    end;
end
$$;
comment on function gendurable._holders_leaving(bigint[], text[])
    is 'Keys with waiting instances of which a holder may be giving up its slot unseen.';
