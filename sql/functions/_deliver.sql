-- Delivers signals: stores each in its target's inbox and wakes targets that are parked on the name.
--
-- park × deliver: the target's row lock decides. Either the park commits first and is seen here, or the signal commits first and is seen by
-- the park, which looks into the inbox after it has locked the row.
-- Locks:  the targets by id, waiting for them; a pick, a commit or a reaper holds one for milliseconds.
-- Writes: dedup_keys, signals, instances (woken, or signalled for the first time).
-- Plan:   correlation_keys_pkey, instances_pkey, dedup_keys_pkey.
create function gendurable._deliver(p_letters gendurable.letter[]) returns table (ord int, result text)
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
    v_letters  gendurable.letter[] := p_letters;
    v_targets  bigint[];
    v_live     bigint[];
    v_new      gendurable.letter[];
    v_verdicts text[];
    v_queues   text[];
begin
    loop
        select array_agg(row(l.ord, coalesce(k.instance_id, l.target), l.key, l.name, l.payload, l.dedup_key)::gendurable.letter)
        into v_letters
        from unnest(v_letters) as l
        left join gendurable.correlation_keys as k on k.key = l.key;

        v_targets := array(select distinct l.target from unnest(v_letters) as l where l.target is not null order by l.target);
        v_live := array(
            select i.id from unnest(v_targets) as t (id) join gendurable.instances as i on i.id = t.id
            order by i.id
            for no key update of i);

        -- An occupant may have finished while we waited for it, and the key may have a new one: that one is meant then.
        exit when cardinality(v_live) = cardinality(v_targets) or not exists (
            select from unnest(v_letters) as l
            join gendurable.correlation_keys as k on k.key = l.key
            where k.instance_id is distinct from l.target);
    end loop;

    -- A null dedup_key never deduplicates. Within the batch the first of a pair is the original.
    with addressed as materialized (
        select l.ord, case when l.target in (select unnest(v_live)) then l.target end as target, l.name, l.payload, l.dedup_key
        from unnest(v_letters) as l
    ), fresh as (
        insert into gendurable.dedup_keys as d (instance_id, dedup_key)
        select a.target, a.dedup_key
        from addressed as a
        where a.target is not null and a.dedup_key is not null
        order by a.target, a.dedup_key
        on conflict do nothing
        returning d.instance_id, d.dedup_key
    ), judged as (
        select a.*, case when a.target is null then 'no_target'
                         when a.dedup_key is null then 'delivered'
                         when (a.target, a.dedup_key) in (select f.instance_id, f.dedup_key from fresh as f)
                              and row_number() over (partition by a.target, a.dedup_key order by a.ord) = 1 then 'delivered'
                         else 'duplicate' end as verdict
        from addressed as a
    )
    select array_agg(row(j.ord, j.target, null, j.name, j.payload, null)::gendurable.letter) filter (where j.verdict = 'delivered'),
           array_agg(j.verdict order by j.ord)
    into v_new, v_verdicts
    from judged as j;

    insert into gendurable.signals (instance_id, sent_at, name, payload)
    select l.target, clock_timestamp(), l.name, coalesce(l.payload, '{}')
    from unnest(v_new) as l
    order by l.ord;

    with delivered as materialized (
        select l.target, array_agg(l.name) as names from unnest(v_new) as l group by l.target
    ), touched as (
        select i.id, i.phase = 'awaiting_signal' and i.awaits && d.names as wakes, i.signalled
        from delivered as d join gendurable.instances as i on i.id = d.target
    ), woken as (
        update gendurable.instances as i
        set signalled = true,
            phase = case when t.wakes then 'ready' else i.phase end,
            eligible_at = case when t.wakes then now() else i.eligible_at end,
            updated_at = case when t.wakes then clock_timestamp() else i.updated_at end
        from touched as t
        where i.id = t.id and (t.wakes or not t.signalled)
        returning i.queue, t.wakes
    )
    select array_agg(distinct w.queue) filter (where w.wakes) into v_queues from woken as w;
    perform gendurable._notify(v_queues);

    return query select v.ord::int, v.verdict from unnest(v_verdicts) with ordinality as v (verdict, ord);
end
$$;
comment on function gendurable._deliver(gendurable.letter[]) is 'Delivers signals and wakes those that await them.';
