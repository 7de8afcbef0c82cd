-- Rounds that are over are cleared in slices.
begin;
\ir ../prelude.psql
select plan(10);

select is(gendurable._dismiss_rest(), 0, 'nothing to do');
select pg_temp.put('p') \g /dev/null
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, parent_id, parent_round, ord, round)
select now(), now(), now(), 'ready', 's', '{}', 0, 1, 'c', 'a', pg_temp.id('p'), r, n,
    0 from generate_series(1, 2) as r, generate_series(1, 1200) as n;
insert into gendurable.dismissals (parent_id, round, after) values (pg_temp.id('p'), 1, 100), (-1, 1, 0);
select is(gendurable._dismiss_rest(), 1000, 'a slice');
select is((select array_agg(d.after) from gendurable.dismissals as d), '{1100}',
    'goes on where the last one ended; a round of which none lives is done');
select is(gendurable._dismiss_rest(), 100, 'the last slice');
select is((select count(*)::int from gendurable.dismissals), 0, 'and then nothing is left');
select results_eq($$ select parent_round, count(*) from gendurable.instances where fsm = 'c' group by 1 order by 1 $$,
    $$ values (1, 100::bigint), (2, 1200) $$, 'of that round, from there on');
insert into gendurable.dismissals (parent_id, round, after) values (pg_temp.id('p'), 2, 0);
select is((select string_agg(m.task || ' ' || m.affected, ', ' order by m.task) from gd_maintain() as m
    where m.task in ('dismiss', 'more')), 'dismiss 1000, more 1', 'maintenance does it, and is called again');
select gd_maintain() \g /dev/null
select is((select string_agg(m.task || ' ' || m.affected, ', ' order by m.task) from gd_maintain() as m
    where m.task = 'dismiss'), 'dismiss 0', 'until there is none');

-- The rest of a round is to be cleared up, ends by itself and is forgotten; its parent fails, and is brought back.
select pg_temp.put('q'), pg_temp.pick(9) \g /dev/null
select pg_temp.commit('q', 'schedule_children', '{"join": "any", "children": [{"fsm": "k"}]}') \g /dev/null
delete from gendurable.instances where fsm = 'k';
delete from gendurable.countdowns where parent_id = pg_temp.id('q');
update gendurable.instances set phase = 'ready' where fsm = 'q';
insert into gendurable.dismissals (parent_id, round, after) values (pg_temp.id('q'), 1, 0);
select pg_temp.pick(9), pg_temp.commit('q', 'stop'), gd_retry(pg_temp.id('q')), pg_temp.pick(9) \g /dev/null
select is(pg_temp.commit('q', 'schedule_children', '{"join": "any", "children": [{"fsm": "l"}, {"fsm": "m"}]}') || ' '
    || gendurable._dismiss_rest() || ' ' || pg_temp.pick(9), 'committed 0 l m',
    'children of its next round are left alone');
select is(pg_temp.commit('l', 'done') || ' ' || pg_temp.phase('q'), 'committed ready', 'and their round ends');

select * from finish();
rollback;
