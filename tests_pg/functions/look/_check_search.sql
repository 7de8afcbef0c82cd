-- Which searches are refused.
begin;
select plan(5);

select lives_ok($$ select gendurable._check_search('{runnable,executing,awaiting_signal,awaiting_children,done,failed}',
    0, 1) $$, 'every status, a page of nothing, one look');
select lives_ok($$ select gendurable._check_search(null, null, null) $$, 'nothing said');
select throws_ok($$ select gendurable._check_search('{done,dead,null}', 1, 1) $$, 'GD002',
    'gendurable: invalid argument', 'a status that is none');
select throws_ok($$ select gendurable._check_search(null, -1, 1) $$, 'GD002', 'gendurable: invalid argument',
    'a page of less than nothing');
select throws_ok($$ select gendurable._check_search(null, 1, 0) $$, 'GD002', 'gendurable: invalid argument',
    'without a look');

select * from finish();
rollback;
