-- Begins a new inbox for instances that have consumed much of theirs: what is left moves there, and
-- what was consumed is not read again, whether a VACUUM could remove it or not.
--
-- An inbox with n signals left is renewed with a chance of 64 to n + 64. The caller asks with one
-- of c to 64 when c have gone, so that on average n + 64 are gone when the n move, and what an
-- inbox costs is in proportion to what is in it.
-- Locks:  the caller holds the instances, and with them their inboxes: a delivery waits for the
--         row, and finds the new number in it.
-- Writes: signals, instances (HOT). Plan: instances_pkey, signals_pkey.
create function gendurable._renew_inboxes(p_ids bigint[]) returns void
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
    v_ids     bigint[];
    v_inboxes bigint[];
begin
    select array_agg(b.id), array_agg(b.inbox) filter (where b.n > 0)
    into v_ids, v_inboxes
    from (select i.id, k.inbox, k.n
          from gendurable.instances as i
          cross join lateral (
              select gendurable._inbox_key(i.id, i.inbox) as inbox,
                     (select count(*) from gendurable.signals as s
                      where s.inbox = gendurable._inbox_key(i.id, i.inbox)) as n
              offset 0    -- counted once
          ) as k
          where i.id = any (p_ids)
          offset 0) as b
    where random() * (b.n + 64) < 64;
    if v_inboxes is not null then
        update gendurable.signals as s
        set inbox = gendurable._inbox_key(i.id, i.inbox + 1)
        from gendurable.instances as i
        where i.id = any (v_ids) and s.inbox = any (v_inboxes)
          and s.inbox = gendurable._inbox_key(i.id, i.inbox);
    end if;
    update gendurable.instances as i set inbox = i.inbox + 1 where i.id = any (v_ids);
end
$$;
comment on function gendurable._renew_inboxes(bigint[])
    is 'Begins a new inbox for instances that have consumed much of theirs.';
