-- Whether what is to be done can be done.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(9);
select test.up_for_ever();

create function pg_temp.found(p_topic text) returns text language sql as $$
    select coalesce(string_agg(x.status || ': ' || x.detail, ' '), '-') from gendurable._examine_work() as x
        where x.topic = p_topic $$;
select is(pg_temp.found('workers'), 'ok: 1 alive.', 'a worker');
select is(pg_temp.found('stuck') || pg_temp.found('unknown machine') || pg_temp.found('schedule')
    || pg_temp.found('versions'), '----', 'nothing else');
select pg_temp.put('a', '{"queue": "nobody"}') \g /dev/null
select is(pg_temp.found('stuck'), format('problem: 1 instance: no_worker, nobody; the first is %s.', pg_temp.id('a')),
    'what is stuck');
select gd_pause('nobody') \g /dev/null
select matches(pg_temp.found('stuck'), '^warning: 1 instance: queue_paused', 'a pause is only a warning');
select gd_unregister(:me),
    gd_register('other', '{q}', info => '{"machines": [{"fsm": "b", "version": 1}], "gendurable": "0.0.1"}')
    \g /dev/null
select pg_temp.put('c') \g /dev/null
select matches(pg_temp.found('unknown machine'),
    '^problem: 1 instance: no_machine, c version 1, step start; the first is', 'a machine that no worker has');
select is(pg_temp.found('versions'),
    'warning: The schema is ' || gd_version() || '; workers of another version: other (0.0.1).', 'another version');
select gd_schedule('nightly', '@daily', 'c'), gd_schedule('fine', '@daily', 'b'), gd_schedule('resting', '@daily', 'c'),
    gd_pause_schedule('resting') \g /dev/null
select is(pg_temp.found('schedule'), 'warning: nightly creates c, which no live worker declares.',
    'a schedule of a machine that no worker has');
update gendurable.schedules set declared_version = 1 where name = 'nightly';
select is(pg_temp.found('schedule'), 'warning: nightly was declared by a worker; no live one declares it or c.',
    'one that a worker has left behind');
update gendurable.leases set lease_until = now() - interval '1 s';
select is(pg_temp.found('workers'), 'warning: 0 alive; their lease is over: other.', 'a worker past its lease');

select * from finish();
rollback;
