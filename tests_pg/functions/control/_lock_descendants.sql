-- Which instances are to be cancelled, locked; its races are in races/cancel.sql.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, parent_id)
select v.id, now(), now(), now(), 'awaiting_children', 's', '{}', 0, 1, 'm', 'q', v.parent
from (values (1, null), (2, 1), (3, 2), (4, 2), (5, 1)) as v (id, parent);
create function pg_temp.lock(p_root bigint, p_cascade boolean) returns text language sql as $$
    select coalesce(string_agg(i::text, ' ' order by i), 'none')
        from unnest(gendurable._lock_descendants(p_root, p_cascade)) as i
$$;
select is(pg_temp.lock(2, false), '2', 'one by itself');
select is(pg_temp.lock(2, true), '2 3 4', 'or all that descends from it, but not its parent');
select is((select string_agg(i.id::text, ' ' order by i.id) from gendurable.instances as i
    where i.xmax = pg_current_xact_id()::xid or i.id in (1, 2, 3, 4)), '1 2 3 4', 'which is locked as well');
select is(pg_temp.lock(99, true), 'none', 'nothing of one that is not there');
delete from gendurable.instances where id = 2;
select is(pg_temp.lock(3, true), '3', 'a parent that is gone is no matter');

select * from finish();
rollback;
