-- Workers go, with what belongs to them.
begin;
select plan(5);

select gd_register('a', info => '{"machines": [{"fsm": "m", "version": 1}, {"fsm": "n", "version": 1}]}') as a,
       gd_register('b', info => '{"machines": [{"fsm": "m", "version": 1}]}') as b, gd_register('c') as c \gset
update gendurable.leases set claims_since = '2001-01-01' where worker_id = :a;
select gendurable._delete_workers(array[:a, :c, -1]) \g /dev/null
select results_eq('select id from gendurable.workers', format('values (%s::bigint)', :b), 'these, and no others');
select results_eq('select worker_id from gendurable.machines', format('values (%s::bigint)', :b),
    'with their machines');
select results_eq('select worker_id, claims_since from gendurable.departed order by 1',
    format($$ values (%s::bigint, '2001-01-01'::timestamptz), (%s, '-infinity') $$, :a, :c),
    'there may be claims of them yet');
select is((select count(*)::int from gendurable.versions), 2, 'the versions that they declared are known on');
select lives_ok('select gendurable._delete_workers($${}$$)', 'none is none');

select * from finish();
rollback;
