-- How many newcomers of a key may be born ready.
begin;
\ir ../prelude.psql
select plan(16);

create function pg_temp.vacant(p_key text) returns int language sql as $$
    select v.vacant from gendurable._estimate_free_slots(array[p_key]) as v $$;
create function pg_temp.fill(p_key text, p_phase text, p_n int) returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue, concurrency_key)
    select now(), now(), now(), p_phase::gendurable.phase, 's', '{}', 0, 1, 'fill', 'q',
        p_key from generate_series(1, p_n)
$$;

select is(pg_temp.vacant('k'), 1, 'a key that no instance uses has one slot');
select gd_set_concurrency_limit('k', 3), gd_set_concurrency_limit('none', 0),
    gd_set_concurrency_limit('big', 1000) \g /dev/null
delete from gendurable.doorbells where kind <> 'tokens';
select is(pg_temp.vacant('k') || ' ' || pg_temp.vacant('none') || ' ' || pg_temp.vacant('big'), '3 0 100',
    'as many as its limit says, a hundred at most');
select pg_temp.fill('k', 'executing', 1) \g /dev/null
select is(pg_temp.vacant('k'), 2, 'less what executes');
select pg_temp.fill('k', 'ready', 1) \g /dev/null
select is(pg_temp.vacant('k'), 1, 'and what was offered one');
select pg_temp.fill('k', 'awaiting_signal', 5) \g /dev/null
select is(pg_temp.vacant('k'), 1, 'not what is parked');
select pg_temp.fill('k', 'ready', 5) \g /dev/null
select is(pg_temp.vacant('k'), 0, 'never less than none');
select pg_temp.fill('w', 'held', 1) \g /dev/null
select is(pg_temp.vacant('w'), 0, 'none where an instance waits already');
select pg_temp.fill('big', 'executing', 500) \g /dev/null
select is(pg_temp.vacant('big'), 100, 'of a large limit what executes is not counted');
select pg_temp.fill('big', 'ready', 70) \g /dev/null
select is(pg_temp.vacant('big'), 30, 'but what was offered a slot is');
select results_eq($$ select v.key, v.vacant from gendurable._estimate_free_slots('{k:1,w,big}') as v order by 1 $$, $$
    values ('big', 30), ('k:1', 3), ('w', 0) $$, 'many keys at once; the limit is that of the name');

-- Enqueued.
select gd_enqueue_many('[{"fsm": "a", "concurrency_key": "k:2", "priority": 5}, {"fsm": "b", "concurrency_key": "k:2"},
{"fsm": "c", "concurrency_key": "k:2"},
    {"fsm": "d", "concurrency_key": "k:2", "priority": -1}, {"fsm": "e"}]') \g /dev/null
select is((select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i
    where i.fsm in ('a', 'b', 'c', 'd', 'e')), 'held ready ready ready ready',
    'of a batch the most urgent are born ready');
select is((select string_agg(h.key, ' ') from gendurable.doorbells as h where h.kind = 'slot'), 'k:2',
    'those that are not are rung for');
delete from gendurable.doorbells where kind <> 'tokens';
select pg_temp.put('single', '{"concurrency_key": "k:3"}'),
    pg_temp.put('future', '{"concurrency_key": "k:4", "delay": 3600}'),
    pg_temp.put('both', '{"concurrency_key": "k:5", "rate_limit": "r"}') \g /dev/null
select is(pg_temp.phase('single') || ' ' || pg_temp.phase('future') || ' ' || pg_temp.phase('both'),
    'ready scheduled held', 'only what waits for nothing else');
select is((select string_agg(h.key, ' ') from gendurable.doorbells as h where h.kind = 'slot'), 'k:5',
    'one that is born ready needs no ring');
delete from gendurable.doorbells where kind <> 'tokens';
select gd_enqueue('x', concurrency_key => 'k:6'), gd_enqueue('y', concurrency_key => 'none') \g /dev/null
select is((select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i
    where i.fsm in ('x', 'y')), 'ready held', 'one by one as well');
select is((select string_agg(h.key, ' ') from gendurable.doorbells as h where h.kind = 'slot'), 'none',
    'and one that waits is rung for');

select * from finish();
rollback;
