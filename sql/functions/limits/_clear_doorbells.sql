-- Uses up doorbells that the caller has seen to, but for the keys that are to be looked at again:
-- each of those keeps one.
--
-- One that has to stay is left where it is: a transaction that is open for long would keep every
-- row that was deleted and inserted again, for each pick to walk over. No worker is notified: none
-- can do more than the caller.
-- Locks:  the caller holds the names. Writes: doorbells. Plan: by ctid; doorbells_key.
create function gendurable._clear_doorbells(p_kind gendurable.doorbell_kind,
                                            p_rings tid[], p_again text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    delete from gendurable.doorbells as d
    where d.ctid = any (array(
        select x.ctid
        from (select r.ctid, r.key, row_number() over (partition by r.key) as nth
              from gendurable.doorbells as r
              where r.ctid = any (p_rings)) as x
        where x.nth > 1 or x.key not in (select unnest(p_again))));
    insert into gendurable.doorbells (kind, key)
    select distinct p_kind, a from unnest(p_again) as a
    where not exists (select from gendurable.doorbells as d where d.kind = p_kind and d.key = a);
end
$$;
comment on function gendurable._clear_doorbells(gendurable.doorbell_kind, tid[], text[]) is
    'Uses up doorbells, but for keys that are to be looked at again.';
