-- Which pages cannot be asked for.
begin;
select plan(4);

select lives_ok($$ select gendurable._check_page('id', 1, 0) $$, 'a page of nothing');
select lives_ok($$ select gendurable._check_page('id', 1, null) $$, 'a page of the usual length');
select throws_ok($$ select gendurable._check_page('id', null, 1) $$, 'GD001',
    'gendurable: a required argument is missing', 'of no instance');
select throws_ok($$ select gendurable._check_page('id', 1, -1) $$, 'GD002', 'gendurable: invalid argument',
    'of less than nothing');

select * from finish();
rollback;
