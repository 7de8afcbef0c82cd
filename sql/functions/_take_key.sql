-- Takes a correlation key if it is free. Whoever is taking or freeing it at this moment counts as its occupant after 50 ms: no worker waits longer
-- for somebody else's transaction.
--
-- Locks: the key, waiting 50 ms at most. Writes: correlation_keys. Plan: correlation_keys_pkey.
create function gendurable._take_key(p_key text, p_id bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_timeout text := current_setting('lock_timeout');
begin
    if exists (select from gendurable.correlation_keys as k where k.key = p_key) then
        return;
    end if;
    perform set_config('lock_timeout', '50ms', true);
    insert into gendurable.correlation_keys (key, instance_id) values (p_key, p_id) on conflict do nothing;
    perform set_config('lock_timeout', v_timeout, true);
exception when lock_not_available then
    null;
end
$$;
comment on function gendurable._take_key(text, bigint) is 'Takes a correlation key if it is free.';
