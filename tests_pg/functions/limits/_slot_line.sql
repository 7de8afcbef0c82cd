-- What has an offer of a slot, what waits for one, and which of them are to have one.
begin;
select plan(6);

select gd_register('w', '{q,p}', '1 day'),
    gd_register('y', '{d}', '1 day', '{"machines": [{"fsm": "y", "version": 1}, {"fsm": "z", "version": 1}]}')
    \g /dev/null
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'held', 5, 'k', null, null::float8), (2, 'q', 'b', 'held', 1, 'k', null, null),
    (3, 'q', 'c', 'ready', 3, 'k', null, null), (4, 'p', 'a', 'held', 9, 'k', null, null),
             (5, 'd', 'x', 'held', 0, 'd', null, null), (6, 'd', 'y', 'held', 2, 'd', null, null),
             (7, 'd', 'z', 'held', 1, 'd', null, null), (8, 'd', 'x', 'ready', 9, 'd', null, null),
             (9, 'q', 'a', 'ready', 1, 'l', null, null),
             (11, 'nobody', 'x', 'held', 0, 'n', null, null), (12, 'nobody', 'y', 'held', 1, 'n', null, null)) as v (id,
             queue, fsm, phase, priority, key, rate, weight);
create function pg_temp.line(variadic p_keys text[]) returns text language sql as $$
    select string_agg(case when n.held then '-' else '' end || n.id || case when n.offered then '!' else '' end,
        ' ' order by n.id) from gendurable._slot_line(p_keys) as n
$$;
select is(pg_temp.line('k'), '-1 -2! 3 -4!',
    'the most urgent of a queue gets the offer of a less urgent one; another queue has a line of its own');
select gd_set_concurrency_limit('k', 2) \g /dev/null
select is(pg_temp.line('k'), '-1 -2! 3! -4!', 'as many as there are slots, over all kinds');
select gd_set_concurrency_limit('k', 0) \g /dev/null
select is(pg_temp.line('k'), '-1 -2 3 -4', 'none without a slot');
select is(pg_temp.line('d'), '-5! -6 -7! 8',
    'a machine that no live worker declares has a line of its own; those that some one does have one together');
select is(pg_temp.line('n'), '-11! -12!', 'so has each of a queue without workers');
select is(pg_temp.line('l', 'nothing'), null, 'nothing of a key for which none waits');

select * from finish();
rollback;
