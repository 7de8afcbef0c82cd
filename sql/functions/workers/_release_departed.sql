-- Releases what workers that were forgotten left behind: claims whose commit was in flight then,
-- and failed, or that the reaper's snapshot did not show. Answers how many.
--
-- What such a worker held beside it is not known any more, so the instance is excused.
-- A worker is done with when it holds nothing. What it ever claimed was committed before it was
-- forgotten, and a transaction that ends a claim and has not committed yet does not hide it. So
-- each snapshot that shows it among the departed, an old one too, shows all that it holds.
-- Locks:  the rows of departed, then the claims by id; never waiting.
-- Writes: instances, departed.
-- Plan:   departed_pkey, all of it: those forgotten since the latest reaper; gendurable._claims.
create function gendurable._release_departed() returns int
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
    v_departed bigint[];
    v_released int;
begin
    v_departed := array(
        select d.worker_id from gendurable.departed as d
        order by d.worker_id
        for update skip locked);
    if v_departed = '{}' then
        return 0;
    end if;
    v_released := gendurable._release(v_departed, p_lost => 'the worker died', p_excused => true);
    delete from gendurable.departed as d
    where d.worker_id = any (v_departed)
      and d.worker_id not in (select c.worker_id from gendurable._claims(v_departed) as c);
    return v_released;
end
$$;
comment on function gendurable._release_departed()
    is 'Releases what workers that were forgotten left behind; answers how many.';
