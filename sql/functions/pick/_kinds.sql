-- The kinds of a queue that a worker can run.
--
-- Locks: none. Writes: nothing. Plan: kinds_key.
create function gendurable._kinds(p_worker bigint, p_queue text) returns int[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return array(select k.id from gendurable.kinds as k where k.queue = p_queue);
end
$$;
comment on function gendurable._kinds(bigint, text)
    is 'The kinds of a queue that a worker can run.';
