-- Keys that were rung for ('slot' or 'tokens') and whose names' locks this transaction can have,
-- with their doorbells; those that were rung for first.
--
-- Those of a name whose lock is not free are passed over, however many there are. At most 10,000
-- doorbells at once: one that stays is only looked at again. What this transaction rang for a slot
-- stays too: a holder that ends before this transaction has committed cannot see which instances
-- wait.
-- p_most: how many keys at most.
-- Locks:  names, those that are free at once. Writes: nothing.
-- Plan:   as gendurable._rung.
create function gendurable._answerable_doorbells(p_kind gendurable.doorbell_kind, p_most int,
                                                 out keys text[], out rings tid[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    c_most  constant int := 10000;
    v_busy  text[] := array[]::text[];
    v_new   text[];
    v_found int;
begin
    -- Again only where 10,000 were not all there are, and some of them were of busy names.
    loop
        with rung as materialized (
            select r.place, r.key, gendurable._policy(r.key) as name, r.rung_by,
                   row_number() over () as nth
            from gendurable._rung(p_kind) as r
            where gendurable._policy(r.key) <> all (v_busy)
            limit c_most
        ), name as materialized (
            select n.name, gendurable._lock_name(p_kind, n.name) as mine
            from (select distinct x.name from rung as x) as n
        ), first as materialized (
            select x.key, min(x.nth) as nth
            from rung as x
            join name as n on n.name = x.name and n.mine
            group by x.key
            order by min(x.nth)
            limit p_most
        )
        select array(select f.key from first as f order by f.nth),
               array(select x.place from rung as x
                     where x.key in (select f.key from first as f)
                       and (p_kind = 'tokens' or x.rung_by <> pg_current_xact_id())),
               array(select n.name from name as n where not n.mine),
               (select count(*)::int from rung)
        into keys, rings, v_new, v_found;
        exit when v_new = '{}' or v_found < c_most;
        v_busy := v_busy || v_new;
    end loop;
    if keys = '{}' then
        keys := null;
        rings := null;
    end if;
end
$$;
comment on function gendurable._answerable_doorbells(gendurable.doorbell_kind, int)
    is 'Keys that were rung for and that the caller may decide about, with their doorbells.';
