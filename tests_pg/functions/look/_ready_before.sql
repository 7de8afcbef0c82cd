-- How many ready instances come before one.
begin;
\ir ../prelude.psql
select plan(7);
select test.up_for_ever();

create function pg_temp.before(fsm text, most int default 100) returns bigint language sql as $$
    select gendurable._ready_before(pg_temp.row(fsm), most)
$$;
select pg_temp.put('a'), pg_temp.put('b'), pg_temp.put('urgent', '{"priority": -1}'),
    pg_temp.put('slow', '{"priority": 1}'),
       pg_temp.put('other', '{"queue": "a"}'), pg_temp.put('later', '{"delay": "1 hour"}') \g /dev/null
select is(pg_temp.before('urgent'), 0::bigint, 'the first');
select is(pg_temp.before('b'), 2::bigint, 'older ones and more urgent ones');
select is(pg_temp.before('slow'), 3::bigint, 'the last');
select is(pg_temp.before('slow', 2), 2::bigint, '… counted no further');
select is(pg_temp.before('other'), 0::bigint, 'other queues do not matter');
select is(pg_temp.pick(), 'urgent', 'one starts');
select is(pg_temp.before('b'), 1::bigint, '… and comes before none any more');

select * from finish();
rollback;
