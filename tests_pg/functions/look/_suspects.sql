-- Which runnable instances may be stuck; what is said of them is tested with _stuck and gd_stuck.
begin;
set local client_min_messages = error;
select plan(4);

select gd_register('w', '{q}'), gd_pause('paused'), gd_set_rate_limit('set', 1, '1 s', 5),
    gd_set_rate_limit('small', 1, '1 s', 0.5) \g /dev/null
select is_empty('select * from gendurable._suspects()', 'no instances');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key, rate_limit, weight)
select now(), now() + v.due, now(), v.phase::gendurable.phase, 's', '{}', 0, 1, v.fsm, v.queue, v.key, v.rate, v.weight
from (values ('healthy', 'ready', 'q', null, null, null, interval '0'), ('held', 'held', 'q', 'k', null, null, '0'),
    ('paused', 'ready', 'paused', null, null, null, '0'), ('deserted', 'throttled', 'nobody', null, 'set', null, '0'),
             ('waits', 'throttled', 'q', null, 'set', null, '0'),
             ('unknown', 'throttled', 'q', null, 'nobody', null, '0'), ('heavy', 'ready', 'q', null, 'set:1', 6.0, '0'),
             ('light', 'ready', 'q', null, 'set:1', 5.0, '0'),
             ('small', 'throttled', 'q', null, 'small', null, '0'), ('due', 'scheduled', 'q', null, null, null, '-1 s'),
             ('resting', 'scheduled', 'q', null, null, null, '1 h'),
             ('running', 'executing', 'paused', 'k', null, null, '0')
     ) as v (fsm, phase, queue, key, rate, weight, due);
select set_eq('select fsm, reason from gendurable._suspects()',
    $$ values ('held', null), ('paused', 'queue_paused'), ('deserted', 'no_worker'), ('unknown', null), ('heavy', null),
        ('small', null), ('due', null) $$,
    'what is healthy, or rests, or executes, is not looked at');
select is((select count(*) from gendurable._suspects()), (select count(distinct s.id) from gendurable._suspects() as s),
    'each once');
select is((select count(*) from gendurable._suspects(0)), 0::bigint, 'as many of each place as asked for');

select * from finish();
rollback;
