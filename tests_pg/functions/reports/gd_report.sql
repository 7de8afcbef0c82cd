-- gd_report: what a worker says of its steps.
begin;
\ir ../prelude.psql
select plan(19);
create function pg_temp.progress(fsm text) returns text language sql as $$
    select i.progress::text from gd_instances as i where i.id = pg_temp.id(progress.fsm) $$;
create function pg_temp.tell(worker bigint, fsm text, progress jsonb, ahead int default 0) returns void
    language sql as $$
    select gd_report(tell.worker,
        jsonb_build_object('progress',
            jsonb_build_array(jsonb_build_object('id', c.id, 'fence', c.fence + ahead, 'progress', progress))))
        from claim as c where c.fsm = tell.fsm
$$;
select pg_temp.put('m'), pg_temp.put('n') \g /dev/null
select is(pg_temp.progress('m'), null, 'nothing was reported');
select pg_temp.pick(2) \g /dev/null
select pg_temp.tell(:me, 'm', '{"done": 1, "of": 3}') \g /dev/null
select is(pg_temp.progress('m') || coalesce(pg_temp.progress('n'), '-'), '{"of": 3, "done": 1}-',
    'what a claim reports is shown');
select pg_sleep(0.001), pg_temp.tell(:me, 'm', '"half"') \g /dev/null
select is(pg_temp.progress('m'), '"half"', 'the latest is');
select pg_temp.tell(:me, 'm', '"stale"', -1), pg_temp.tell(:me + 1, 'm', '"of another worker"'),
    pg_temp.tell(null, 'm', '"of none"') \g /dev/null
select is(pg_temp.progress('m'), '"half"', 'what is not held is dropped');
select gd_report(:me, '{"progress": [{"id": 0, "fence": 1, "progress": 1}]}'), gd_report(0, '{}') \g /dev/null
select is((select count(*)::int from gendurable.reports), 2, 'and what is not known');
select gd_report(:me, jsonb_build_object('progress',
    jsonb_build_array(jsonb_build_object('id', c.id, 'fence', c.fence, 'progress', 1),
        jsonb_build_object('id', c.id, 'fence', c.fence, 'progress', 2),
        jsonb_build_object('id', n.id, 'fence', n.fence))))
from claim as c, claim as n where c.fsm = 'm' and n.fsm = 'n' \g /dev/null
select is(pg_temp.progress('m') || pg_temp.progress('n'), '2null',
    'of two of one claim the last one counts; no value is null');
select pg_sleep(0.001), gd_report(:me, jsonb_build_object('progress',
    jsonb_build_array(jsonb_build_object('id', c.id, 'fence', c.fence, 'progress', 2),
        jsonb_build_object('id', c.id, 'fence', c.fence - 1, 'progress', 3))))
from claim as c where c.fsm = 'n' \g /dev/null
select is(pg_temp.progress('n'), '2', 'one of an earlier claim does not hide that of the claim');
select results_eq($$ select i.updated_at, i.xmin from gendurable.instances as i where i.fsm = 'm' $$, $$
    select i.claimed_at, i.xmin from gendurable.instances as i where i.fsm = 'm' $$,
    'the instance itself is not written');
select is(pg_temp.commit('m', 'next', '{"step": "two"}') || pg_temp.progress('m'), 'committed2',
    'it stands after the step');
select is(pg_temp.pick(1) || pg_temp.commit('m', 'stop') || coalesce(pg_temp.progress('m'), '-'), 'mcommitted-',
    'until the instance is terminal');
select is(gd_retry(pg_temp.id('m')) || coalesce(pg_temp.progress('m'), '-'), 'retried-',
    'and does not come back with it');

-- Steps.
select gd_report(:me, '{"steps": [{"queue": "q", "fsm": "m", "step": "start", "kind": "done", "count": 3, "seconds": '
    '1.5, "slowest": 0.7}, {"queue": "q", "fsm": "m", "step": "start", "kind": "retry", "count": 1, "seconds": 9, '
    '"slowest": 9}]}') \g /dev/null
select gd_report(:me, '{"steps": [{"queue": "q", "fsm": "m", "step": "start", "kind": "done", "count": 1, "seconds": '
    '0.5, "slowest": 0.9}]}') \g /dev/null
select results_eq('select t.queue, t.fsm, t.step, t.kind, t.count, t.seconds, t.slowest from gd_throughput as t order '
    'by t.kind', $$ values ('q', 'm', 'start', 'done', 4::bigint, 2::float8, 0.9::float8),
        ('q', 'm', 'start', 'retry', 1, 9, 9) $$, 'steps are added up by minute');
select ok((select bool_and(t.minute = date_trunc('minute', t.minute) and t.minute between now() - interval '1 minute'
    and now()) from gd_throughput as t), 'of the report');

-- Refused.
select is(pg_temp.refusal(format('select gd_report(%s, null)', :me)), 'GD003 report is null, not an object',
    'no report');
select is(pg_temp.refusal(format($$
    select gd_report(%s, '{"steps": [{"queue": "q", "fsm": "m", "step": "s", "kind": "done", "count": 1, "seconds": 1, '
        '"slowest": 1}, {"queue": "q"}]}') $$, :me)), 'GD003 steps, ord 2: fsm: expected a text of 1 to 1,000 bytes',
    'a bad step');
select is(pg_temp.refusal(format($$
    select gd_report(%s, '{"steps": [{"queue": "x", "fsm": "m", "step": "s", "kind": "done", "count": 1, "seconds": 1, '
        '"slowest": 1}], "progress": [{"id": "x", "fence": 1}]}') $$, :me)),
    'GD003 progress, ord 1: id: expected an integer', 'bad progress');
select is((select count(*)::int from gd_throughput as t where t.queue = 'x' or t.step = 's'), 0,
    'nothing of a bad report is stored');
select lives_ok(format($$
    select gd_report(%s, jsonb_build_object('steps',
        jsonb_build_array(jsonb_build_object('queue', n, 'fsm', n, 'step', n, 'kind', n, 'count', 1, 'seconds', 1,
            'slowest', 1)))) from (select string_agg(md5(i::text), '') || 'x' as n from generate_series(1, 31) as i)
        as n $$, :me), 'long names do not matter');
select gd_report(:me, '{"progress": null, "steps": null}') \g /dev/null
select is((select count(*)::int from gendurable.throughput), 4, 'an empty report says nothing');

select * from finish();
rollback;
