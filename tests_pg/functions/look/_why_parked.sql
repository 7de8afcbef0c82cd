-- What a parked instance waits for.
begin;
\ir ../prelude.psql
select plan(7);

select pg_temp.put('a'), pg_temp.put('p'), pg_temp.put('r') \g /dev/null
select pg_temp.pick(2) \g /dev/null
select is_empty($$ select * from gendurable._why_parked(pg_temp.row('r')) $$, 'what is not parked waits for nothing');
select pg_temp.commit('a', 'await', '{"names": ["paid", "void"]}'),
    pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "c"}, {"fsm": "d"}]}') \g /dev/null
select results_eq($$ select reason, detail from gendurable._why_parked(pg_temp.row('a')) $$, $$
    values ('awaiting_signal', 'It waits for a signal named paid or void; its inbox is empty.') $$, 'signals');
select gd_signal(pg_temp.id('a'), 'payed') \g /dev/null
select results_eq($$ select detail, remedy ~ 'gd_signal\(\d+, ''paid''\)' from gendurable._why_parked(pg_temp.row('a'))
    $$,
    $$ values ('It waits for a signal named paid or void; its inbox has only signals that do not wake it (payed).',
        true) $$, 'a signal of another name is told');
update gendurable.instances set eligible_at = '2040-01-01 00:00+00' where id = pg_temp.id('a');
select ok((select detail ~ 'paid or void, until 20(39|40)-' from gendurable._why_parked(pg_temp.row('a'))),
    'a deadline is told');
select ok((select detail ~
    '^It waits for 2 of its children, of which the first are \d+ \(c, runnable\), \d+ \(d, runnable\)\.$'
    from gendurable._why_parked(pg_temp.row('p'))), 'children');
select is((select remedy from gendurable._why_parked(pg_temp.row('p'))),
    format('gd_why(%s) says why the first of them does not run.',
        (select i.id from gendurable.instances as i where i.fsm = 'c')), 'and where to look on');
select pg_temp.pick(3) \g /dev/null
select pg_temp.commit('c', 'done') \g /dev/null
select ok((select detail ~ '^It waits for 1 of its children, of which the first are \d+ \(d, executing\)\.$'
    from gendurable._why_parked(pg_temp.row('p'))), '… as they finish');

select * from finish();
rollback;
