-- gd_children: the children of a round, page by page.
begin;
\ir ../prelude.psql
select plan(14);

create function pg_temp.names(p_after int, p_most int) returns text language sql as $$
    select coalesce(string_agg(concat_ws('/', c.ord, c.fsm, c.status, c.result, c.error, c.state), ' '), '-')
        from gd_children(pg_temp.id('p'), p_after, p_most) as c
$$;
select pg_temp.put('p'), pg_temp.pick() \g /dev/null
select is(pg_temp.names(0, 9), '-', 'no children yet');
select pg_temp.commit('p', 'schedule_children',
    '{"children": [{"fsm": "a", "state": 1}, {"fsm": "b", "state": 2}, {"fsm": "c", "state": 3}]}'),
    pg_temp.pick(2) \g /dev/null
select pg_temp.commit('a', 'done', '{"result": "r"}'), pg_temp.commit('b', 'stop', '{"error": "e"}') \g /dev/null
select is(pg_temp.names(0, 9), '1/a/done/"r"/1 2/b/failed/"e"/2 3/c/runnable/3',
    'finished or not, in the order of the batch');
select is(pg_temp.names(0, 2), '1/a/done/"r"/1 2/b/failed/"e"/2', 'a page');
select is(pg_temp.names(2, 2), '3/c/runnable/3', 'the next one');
select is(pg_temp.names(3, 2), '-', 'and none');
select pg_temp.pick(), pg_temp.commit('c', 'done'), pg_temp.pick(),
    pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "d"}]}') \g /dev/null
select is(pg_temp.names(null, null), '1/d/runnable/{}', 'of the latest round alone');
select pg_temp.pick(), pg_temp.commit('d', 'done'), pg_temp.pick(), pg_temp.commit('p', 'done') \g /dev/null
select is(pg_temp.names(0, 9), '1/d/done/{}', 'of a finished instance as well');
-- What was no child because its key was occupied.
select pg_temp.put('occupant', '{"correlation_key": "k"}'), pg_temp.put('p', '{"queue": "b"}'),
    pg_temp.pick(1, 'b') \g /dev/null
select pg_temp.commit('p', 'schedule_children',
    '{"children": [{"fsm": "x", "queue": "a"}, {"fsm": "y", "correlation_key": "k"}, {"fsm": "z", "queue": "a"}]}')
    \g /dev/null
select is(pg_temp.names(0, 2), '1/x/runnable/{} 2/y/duplicate', 'a duplicate has its place');
select is((select c.id from gd_children(pg_temp.id('p'), 1, 1) as c), pg_temp.id('occupant'),
    'and the id of the occupant');
select pg_temp.pick(9, 'a'), pg_temp.commit('x', 'done'), pg_temp.commit('z', 'done'), pg_temp.pick(1, 'b'),
    pg_temp.commit('p', 'stop'), gd_retry(pg_temp.id('p')), pg_temp.pick(1, 'b'),
    pg_temp.commit('p', 'stop') \g /dev/null
select is(pg_temp.names(0, 9), '1/x/done/{} 2/y/duplicate 3/z/done/{}',
    'as long as the parent is not forgotten, brought back or not');
select gd_retry(pg_temp.id('p')), pg_temp.pick(1, 'b'),
    pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "w", "correlation_key": "k"}]}'),
    pg_temp.pick(1, 'b'),
    pg_temp.commit('p', 'next', '{"step": "s"}'), pg_temp.pick(1, 'b'), pg_temp.commit('p', 'stop'),
    gd_retry(pg_temp.id('p'), 's'), pg_temp.pick(1, 'b'), pg_temp.commit('p', 'stop') \g /dev/null
select is(pg_temp.names(0, 9), '1/w/duplicate', 'a round of duplicates alone is one');
select is_empty('select gd_children(-1)', 'an instance that is not there has none');
select throws_ok('select gd_children(null)', 'GD001', 'gendurable: a required argument is missing',
    'the parent has to be said');
select throws_ok('select gd_children(1, 0, -1)', 'GD002', 'gendurable: invalid argument',
    'a page has no negative number of rows');

select * from finish();
rollback;
