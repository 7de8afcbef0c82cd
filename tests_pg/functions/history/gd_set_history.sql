-- gd_set_history: how much of the history is kept.
begin;
\ir ../prelude.psql
select plan(12);
create function pg_temp.levels() returns text language sql as $$
    select string_agg(l.fsm || '=' || l.level, ' ' order by l.fsm) from gendurable.history_levels as l $$;
select gd_set_history(null, 'steps'), gd_set_history('m', 'none'),
    gd_set_history(fsm => 'n', level => 'errors') \g /dev/null
select is(pg_temp.levels(), '=steps m=none n=errors', 'for all, and for single ones');
select gd_set_history('m', 'steps'), gd_set_history('m', 'steps') \g /dev/null
select is(pg_temp.levels(), '=steps m=steps n=errors', 'the latest counts');
select gd_set_history('m', null), gd_set_history('m', null) \g /dev/null
select is(pg_temp.levels(), '=steps n=errors', 'null: as all others');
select gd_set_history(null, null) \g /dev/null
select is(pg_temp.levels(), 'n=errors', 'or as the default');
select is(pg_temp.refusal($$ select gd_set_history('m', 'all') $$), 'GD002 level is all', 'another level is refused');
select is(pg_temp.refusal($$ select gd_set_history(null, '') $$), 'GD002 level is ', 'and an empty one');
select is(pg_temp.refusal($$ select gd_set_history('', 'steps') $$), 'GD001 fsm is required', 'an empty fsm is none');
select matches(pg_temp.refusal($$ select gd_set_history(repeat('f', 1001), 'steps') $$), '^GD002 fsm is longer',
    'a name has at most 1,000 bytes');
select is(pg_temp.levels(), 'n=errors', 'what is refused changes nothing');

-- It acts on the next outcome.
select pg_temp.put('m') \g /dev/null
select pg_temp.pick(1) || pg_temp.commit('m', 'next', '{"step": "two", "continue": true}') \g /dev/null
select is_empty(format('select from gd_history(%s)', pg_temp.id('m')), 'nothing is noted');
select gd_set_history('m', 'steps') \g /dev/null
select pg_temp.commit('m', 'next', '{"step": "three", "continue": true}') \g /dev/null
select is((select string_agg(h.step, ' ') from gd_history(pg_temp.id('m')) as h), 'two',
    'of what executes the next outcome is');
select gd_set_history('m', 'none') \g /dev/null
select pg_temp.commit('m', 'stop') \g /dev/null
select is((select string_agg(h.step, ' ') from gd_history(pg_temp.id('m')) as h), 'two',
    'then nothing more is, and what was stays');

select * from finish();
rollback;
