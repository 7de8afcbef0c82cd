-- The floor of a key rises to the earliest claim that executes. (Races: r/ busy_floors.)
begin;
select plan(7);

create function pg_temp.floor(p_key text) returns timestamptz language sql as $$
    select f.since from gendurable._busy_floor(p_key) as f $$;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, claimed_at, worker_id)
values (1, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', 'k', '2020-01-01', 1),
    (2, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', 'k', '2020-01-02', 1),
       (3, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q', 'l', null, null);
select gendurable._move_busy_floors('{k,k,l}') \g /dev/null
select is(pg_temp.floor('k'), '2020-01-01', 'to the earliest claim');
select cmp_ok(pg_temp.floor('l'), '>=', now(), 'or to the present, if nothing executes');
delete from gendurable.instances where id = 1;
select gendurable._move_busy_floors('{k}') \g /dev/null
select is(pg_temp.floor('k'), '2020-01-02', 'which goes on when the first one has ended');
select is((select count(*)::int from gendurable.busy_floors where key = 'k'), 1, 'the floor before is replaced');
select ctid as place from gendurable.busy_floors where key = 'k' \gset
select gendurable._move_busy_floors('{k}') \g /dev/null
select is((select ctid from gendurable.busy_floors where key = 'k'), :'place'::tid,
    'and stays as it is where there is nothing to move');
update gendurable.busy_floors set since = '2120-01-01' where key = 'l';
select gendurable._move_busy_floors('{l}') \g /dev/null
select is(pg_temp.floor('l'), '2120-01-01', 'it never falls, however the clock is set');
select is((select since from gendurable._admit_slots('{3}')), '2120-01-01',
    'and what is claimed is claimed no earlier');

select * from finish();
rollback;
