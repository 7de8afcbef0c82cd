-- The children of a round, as rows.
begin;
\ir ../prelude.psql
select plan(3);

select pg_temp.put('p'), pg_temp.pick() \g /dev/null
select pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "a"}, {"fsm": "b"}, {"fsm": "c"}]}'),
    pg_temp.pick() \g /dev/null
select pg_temp.commit('a', 'done', '{"result": "r"}') \g /dev/null
create function pg_temp.rows(p_round int, p_after int, p_most int) returns text language sql as $$
    select coalesce(string_agg(concat_ws('/', c.ord, c.fsm, c.status, c.result), ' '), '-')
        from gendurable._child_rows(pg_temp.id('p'), p_round,
            '[{"round": 1, "ord": 4, "id": 7, "fsm": "d"}, {"round": 3, "ord": 1, "id": 8, "fsm": "e"}]', p_after,
            p_most) as c
$$;
select is(pg_temp.rows(1, 0, null), '1/a/done/"r" 2/b/runnable 3/c/runnable 4/d/duplicate',
    'live, finished or duplicates, in the order of the batch');
select is(pg_temp.rows(1, 1, 1), '2/b/runnable', 'beyond a place, and no more than asked for');
select is(pg_temp.rows(2, 0, null), '-', 'of that round alone');

select * from finish();
rollback;
