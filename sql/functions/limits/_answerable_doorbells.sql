-- Keys that were rung for ('slot' or 'tokens') and whose names' locks this transaction can have,
-- with their doorbells.
--
-- Key by key; the keys of a name whose lock is not free are passed over (';' follows ':'), however
-- many there are. At most 10,000 doorbells at once: one that stays is only looked at again. What
-- this transaction rang for a slot stays too: a holder that ends before this transaction has
-- committed cannot see which instances wait.
-- p_most: how many keys at most, in their order. No fewer than are rung for from one call to the
--         next, or the last ones would never be reached.
-- Locks:  names, those that are free at once. Writes: nothing.
-- Plan:   doorbells_key, walked key by key.
create function gendurable._answerable_doorbells(p_kind gendurable.doorbell_kind, p_most int,
                                                 out keys text[], out rings tid[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    with recursive rung as (
        select n.key, gendurable._lock_name(p_kind, n.key) as mine
        from (select d.key from gendurable.doorbells as d
              where d.kind = p_kind
              order by d.key
              limit 1) as n
        union all
        select n.key, gendurable._lock_name(p_kind, n.key)
        from rung as r
        cross join lateral (
            select d.key from gendurable.doorbells as d
            where d.kind = p_kind
              and d.key > case when r.mine or gendurable._policy(r.key) = r.key then r.key
                               else gendurable._policy(r.key) || ';' end
            order by d.key
            limit 1
        ) as n
    )
    select array_agg(r.key) into keys
    from (select x.key from rung as x where x.mine limit p_most) as r;
    if keys is not null then
        rings := array(
            select d.ctid from gendurable.doorbells as d
            where d.kind = p_kind and d.key = any (keys)
              and (p_kind = 'tokens' or d.rung_by <> pg_current_xact_id())
            limit 10000);
    end if;
end
$$;
comment on function gendurable._answerable_doorbells(gendurable.doorbell_kind, int)
    is 'Keys that were rung for and that the caller may decide about, with their doorbells.';
