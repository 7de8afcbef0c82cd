-- gd_children: the children of a round, page by page.
begin;
\ir ../prelude.psql
select plan(10);

create function pg_temp.names(p_after int, p_most int) returns text language sql as $$
    select coalesce(string_agg(concat_ws('/', c.ord, c.fsm, c.status, c.result, c.error, c.state), ' '), '-') from gd_children(pg_temp.id('p'), p_after, p_most) as c
$$;
select pg_temp.put('p'), pg_temp.pick() \g /dev/null
select is(pg_temp.names(0, 9), '-', 'no children yet');
select pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "a", "state": 1}, {"fsm": "b", "state": 2}, {"fsm": "c", "state": 3}]}'), pg_temp.pick(2) \g /dev/null
select pg_temp.commit('a', 'done', '{"result": "r"}'), pg_temp.commit('b', 'stop', '{"error": "e"}') \g /dev/null
select is(pg_temp.names(0, 9), '1/a/done/"r"/1 2/b/failed/"e"/2 3/c/runnable/3', 'finished or not, in the order of the batch');
select is(pg_temp.names(0, 2), '1/a/done/"r"/1 2/b/failed/"e"/2', 'a page');
select is(pg_temp.names(2, 2), '3/c/runnable/3', 'the next one');
select is(pg_temp.names(3, 2), '-', 'and none');
select pg_temp.pick(), pg_temp.commit('c', 'done'), pg_temp.pick(), pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "d"}]}') \g /dev/null
select is(pg_temp.names(null, null), '1/d/runnable/{}', 'of the latest round alone');
select pg_temp.pick(), pg_temp.commit('d', 'done'), pg_temp.pick(), pg_temp.commit('p', 'done') \g /dev/null
select is(pg_temp.names(0, 9), '1/d/done/{}', 'of a finished instance as well');
select is_empty('select gd_children(-1)', 'an instance that is not there has none');
select throws_ok('select gd_children(null)', 'GD001', 'gendurable: a required argument is missing', 'the parent has to be said');
select throws_ok('select gd_children(1, 0, -1)', 'GD002', 'gendurable: invalid argument', 'a page has no negative number of rows');

select * from finish();
rollback;
