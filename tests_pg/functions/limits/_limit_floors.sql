-- Where looks for what is due, for what is full and for doorbells begin.
begin;
select plan(5);
select test.connect('other') \g /dev/null

create function pg_temp.floors() returns text language sql as $$
    select concat_ws(' ', f.due::date, f."full"::date, f.moves, f.bound,
        array(select r from unnest(f.runs) as r order by r)) from gendurable._limit_floors() as f $$;
select is(pg_temp.floors(), '-infinity -infinity f 0 {}', 'without a trail nothing is known');
insert into gendurable.limit_trails values (1, '0', 'epoch', 'epoch', 'epoch', 'epoch', '{}', 5, '{}', '{}');
select is(pg_temp.floors(), '-infinity -infinity f 0 {}', 'a row that was copied from elsewhere is void');
insert into gendurable.limit_trails values (2, pg_current_xact_id(), 'infinity', 'infinity', '2030-01-01', '2030-02-01',
    '{}', 5, '{}', '{}'), (3, pg_current_xact_id(), 'infinity', 'infinity', '2030-03-01', '2030-04-01', '{}', 7,
    '{2,3}', '{}');
select is(pg_temp.floors(), '2030-03-01 2030-04-01 f 7 {2,3}', 'the newest trail counts');
select test.exec('other', 'begin'), test.query('other', 'select pg_current_xact_id() as xid') -> 0 ->> 'xid' as x \gset
update gendurable.limit_trails set pending = array[row(:'x', '2030-01-05', '2030-02-05')::gendurable.straggler],
    ringing = array[:'x'::xid8] where seq = 3;
select is(pg_temp.floors(), '2030-03-01 2030-04-01 f 7 {2,3}', 'what is pending does not matter while it is open');
select test.exec('other', 'commit') \g /dev/null
select is(pg_temp.floors(),
    format('2030-01-05 2030-02-05 t 7 {%s}',
        (select string_agg(r::text, ',' order by r) from unnest('{2,3}'::bigint[] || gendurable._run(:'x'::xid8))
            as r)), 'once it has ended a look begins where it may have written, and the floors are worth a move');

select * from finish();
rollback;
