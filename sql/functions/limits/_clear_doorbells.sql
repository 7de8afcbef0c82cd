-- Uses up doorbells that the caller has seen to, but for the keys that are to be looked at again:
-- each of those keeps one.
--
-- One that has to stay is left where it is, which writes nothing; among many it is put off, behind
-- those that others have rung meanwhile. No worker is notified: none can do more than the caller.
-- Locks:  the caller holds the names. Writes: doorbells, limit_trails. Plan: by ctid.
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
declare
    v_stay    constant boolean := coalesce(cardinality(p_rings), 0) < 500;
    v_kept    text[];
    v_cleared int;
begin
    with ring as materialized (
        select r.ctid as place, r.key, row_number() over (partition by r.key) as nth,
               v_stay and r.key in (select unnest(p_again)) as stays
        from gendurable.doorbells as r
        where r.ctid = any (p_rings)
    ), cleared as (
        delete from gendurable.doorbells as d
        where d.ctid = any (array(select x.place from ring as x
                                  where x.nth > 1 or not x.stays))
        returning 1
    )
    select array(select x.key from ring as x where x.nth = 1 and x.stays),
           (select count(*)::int from cleared)
    into v_kept, v_cleared;
    insert into gendurable.doorbells (kind, key)
    select distinct p_kind, a from unnest(p_again) as a
    where a not in (select unnest(v_kept));
    if random() < v_cleared / 500.0 then
        perform gendurable._move_limit_trail();
    end if;
end
$$;
comment on function gendurable._clear_doorbells(gendurable.doorbell_kind, tid[], text[]) is
    'Uses up doorbells, but for keys that are to be looked at again.';
