-- What changes what can start has every line for tokens looked at.
begin;
select plan(3);

select gendurable._ring_rates() \g /dev/null
select is_empty('select * from gendurable.doorbells', 'without rate limits there is no line');
select gd_set_rate_limit('r', 1, '1 s') \g /dev/null
delete from gendurable.doorbells;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, v.queue, v.key, v.rate,
    v.weight
from (values (1, 'q', 'a', 'throttled', 0, null, 'r', null::float8), (2, 'q', 'a', 'throttled', 0, null, 's:1', null),
    (3, 'q', 'a', 'ready', 0, null, 't', null)) as v (id, queue, fsm, phase, priority, key, rate, weight);
select gendurable._ring_rates() \g /dev/null
select results_eq('select d.kind::text, d.key from gendurable.doorbells as d', $$
    values ('rate_limit', '' collate "C") $$, 'it rings once for all');
select gendurable._expand_name_doorbells('rate_limit') \g /dev/null
select set_eq('select d.kind || chr(32) || d.key from gendurable.doorbells as d', '{tokens r,tokens s:1}'::text[],
    'which the pick that answers takes to each key for which one waits');

select * from finish();
rollback;
