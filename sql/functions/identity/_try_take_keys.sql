-- Takes correlation keys for instances, each if it is free. One that another transaction is taking
-- or freeing counts as occupied when patience is at an end: no worker waits long for the
-- transaction of a client, and after one disappointment not at all.
--
-- Locks:  the keys, waiting for the first one p_patience at most, then a millisecond.
-- Writes: correlation_keys. Plan: correlation_keys_pkey.
create function gendurable._try_take_keys(p_keys text[], p_ids bigint[], p_patience text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_timeout  text := current_setting('lock_timeout');
    v_patience text := p_patience;
    v_one      record;
begin
    -- One by one, each in its own block: those that are free must not suffer from the one
    -- that is not.
    for v_one in
        select t.key, t.id from unnest(p_keys, p_ids) as t (key, id) order by t.key, t.id
    loop
        continue when exists (select from gendurable.correlation_keys as k where k.key = v_one.key);
        begin
            perform set_config('lock_timeout', v_patience, true);
            insert into gendurable.correlation_keys (key, instance_id)
            values (v_one.key, v_one.id)
            on conflict do nothing;
            perform set_config('lock_timeout', v_timeout, true);
        exception when lock_not_available then
            v_patience := '1ms';
        end;
    end loop;
end
$$;
comment on function gendurable._try_take_keys(text[], bigint[], text) is
    'Takes correlation keys that are free.';
