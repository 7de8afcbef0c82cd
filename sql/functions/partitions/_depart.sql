-- Takes a virtual partition out of this database: from now on no instance of it is created here,
-- and what there is of it goes into gendurable.moved, from where gendurable._arrive of another
-- database takes it. What is claimed is given back first, so that the commit of a step that still
-- runs is stale. Answers how many rows went.
--
-- A transaction that was in flight may leave something behind, the children of a step for example:
-- call it until it takes nothing, and every transaction that is older than the second call has
-- ended. Enqueue x departure: a transaction has its number before it looks which partitions are
-- here (gendurable._new_id), and the first call notes that this one is not. So what has
-- found it here has a smaller number than the second call.
--
-- Locks:  the partition, alone, and its instances, waiting; then as gendurable._release and
--         gendurable._lock_schedule.
-- Writes: every table that holds something of an instance; schedules, occurrences; moved; the
--         sequence of the partitions.
-- Plan:   each table is read as a whole: a partition is moved once.
-- Errors: GD002 gendurable._begin_departure has not been called.
create function gendurable._depart(p_partition int, out departed bigint, out xid xid8,
                                   out oldest xid8)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_move      uuid := gen_random_uuid();
    v_ids       bigint[];
    v_schedules text[];
begin
    if not exists (select from gendurable.departures as d where d.partition = p_partition) then
        perform gendurable._refuse(
            'GD002', format('partition %s is not to leave database %s', p_partition,
                            current_database()), 'Begin with gendurable._begin_departure.');
    end if;
    perform gendurable._change_partition(p_partition, false);
    xid := pg_current_xact_id();
    oldest := pg_snapshot_xmin(pg_current_snapshot());
    -- The calls of routers that have found the partition here.
    perform pg_advisory_xact_lock(26476, p_partition);
    v_ids := array(select i.id from gendurable.instances as i
                   where i.id & 63 = p_partition order by i.id for update);
    perform gendurable._release(array_agg(distinct i.worker_id), array_agg(i.id),
                                'its partition moves to another database', p_excused => true)
    from gendurable.instances as i
    where i.id = any (v_ids) and i.worker_id is not null
    having count(*) > 0;
    v_schedules := array(select s.name from gendurable.schedules as s
                         where gendurable._partition('schedule:' || s.name) = p_partition
                         order by s.name);

    insert into gendurable.moved (move, partition, relation, content)
    values (v_move, p_partition, 'sequence',
            to_jsonb(coalesce(pg_sequence_last_value('gendurable.instances_id_seq'), 0)));
    -- Instances last: where they arrive all else is there.
    with gone as (
        delete from gendurable.signals as t where t.instance_id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'signals', to_jsonb(g) from gone as g;
    with gone as (
        delete from gendurable.dedup_keys as t where t.instance_id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'dedup_keys', to_jsonb(g) from gone as g;
    with gone as (
        delete from gendurable.countdowns as t where t.parent_id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'countdowns', to_jsonb(g) from gone as g;
    with gone as (
        delete from gendurable.dismissals as t where t.parent_id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'dismissals', to_jsonb(g) from gone as g;
    with gone as (
        delete from gendurable.reports as t where t.instance_id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'reports', to_jsonb(g) from gone as g;
    with gone as (
        delete from gendurable.history as t where t.instance_id & 63 = p_partition returning t.*
    ), kept as (
        delete from gendurable.history_kept as t where t.instance_id & 63 = p_partition
        returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'history', to_jsonb(g) from (table gone union all table kept) as g;
    with gone as (
        delete from gendurable.finished as t where t.id & 63 = p_partition returning t.*
    ), kept as (
        delete from gendurable.kept as t where t.id & 63 = p_partition returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'finished', to_jsonb(g) from (table gone union all table kept) as g;
    with gone as (
        delete from gendurable.correlation_keys as t where t.instance_id & 63 = p_partition
        returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'correlation_keys', to_jsonb(g) from gone as g;
    insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'schedules', to_jsonb(s)
    from gendurable.schedules as s where s.name = any (v_schedules);
    perform public.gd_unschedule(s.name) from unnest(v_schedules) as s (name);
    with gone as (
        delete from gendurable.instances as t where t.id = any (v_ids) returning t.*
    ) insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, 'instances', to_jsonb(g) from gone as g order by g.id;

    select count(*) into departed
    from gendurable.moved as m
    where m.move = v_move and m.relation <> 'sequence';
    insert into gendurable.moved (move, partition, relation, content)
    select v_move, p_partition, p.relation, p.content
    from (select 'rate_limits' as relation, to_jsonb(l) as content
          from gendurable.rate_limits as l
          union all
          select 'concurrency_limits', to_jsonb(l) from gendurable.concurrency_limits as l
          union all
          select 'queues', to_jsonb(q) from gendurable.queues as q
          union all
          select 'retention', to_jsonb(r) from gendurable.retention as r
          union all
          select 'history_levels', to_jsonb(h) from gendurable.history_levels as h) as p;
end
$$;
comment on function gendurable._depart(int) is
    'Takes a virtual partition out of this database, into gendurable.moved.';
