-- Keys of which a holder may be giving its slot up without having seen who waits. (Its races are in
-- tests_pg/races/slots.sql.)
\ir ../../races/prelude.psql
select plan(10);
select test.open('a');
select gd_register('w', array['p']) as w \gset
select gd_set_concurrency_limit('two', 2) \g /dev/null
select gd_enqueue('H', queue => 'p', concurrency_key => 'k'), gd_enqueue('N', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('A', queue => 'p', concurrency_key => 'alone'),
       gd_enqueue('B', queue => 'p', concurrency_key => 'two'), gd_enqueue('C', queue => 'p', concurrency_key => 'two'),
       gd_enqueue('D', queue => 'p', concurrency_key => 'two') \g /dev/null
select gd_pick(:w, 'p', 9) \g /dev/null
create table slots as select i.id, i.concurrency_key from gendurable.instances as i where i.phase = 'executing';
create function test.leaving() returns text[] language sql as $$
    select array(select unnest(gendurable._holders_leaving(h.ids, h.keys)) order by 1)
    from (select array_agg(s.id order by s.id) as ids, array_agg(s.concurrency_key order by s.id) as keys
        from slots as s) as h
$$;
select is(test.leaving(), '{}', 'no holder is giving up anything');
select is((select count(*)::int from gendurable.instances where phase = 'executing' and xmax not in ('0', xmin)), 0,
    'and no row was locked to find out: a release would pass over it');
select test.exec('a', 'begin');
select test.query('a', 'select id from gendurable.instances where fsm in (''H'', ''A'') for no key update');
select is(test.leaving(), '{k}', 'one that is locked may be; where no instance waits it does not matter');
select test.query('a', 'select id from gendurable.instances where fsm = ''C'' for no key update');
select is(test.leaving(), '{k,two}', 'one of several is enough');
select test.exec('a', 'rollback');
select test.exec('a', 'begin');
select is(test.leaving(), '{}', 'it was not');
select is(test.leaving(), '{}', 'and is not, however often it is looked at');
select is(test.results(test.query('a',
    test.commit(:w, (select test.outcome(i.id, i.fence, 'done') from gendurable.instances as i where i.fsm = 'H')))),
    'committed', 'looking locks no session out');
select is(test.leaving(), '{k}', 'a commit under way');
select test.exec('a', 'commit');
select is(test.leaving(), '{k}', 'and one that has ended since it was seen');
update gendurable.instances set concurrency_key = 'alone' where fsm = 'B';
select is(test.leaving(), '{k,two}', 'and one that has changed its key');
select * from finish();
