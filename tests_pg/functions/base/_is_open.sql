-- A function that every role may call is closed. Each of them is tried in tests_py/test_privileges.py.
begin;
select plan(4);

select ok(not gendurable._is_open('public.gd_pause(text)'), 'as installed it is not');
grant execute on function public.gd_pause(text) to public;
select ok(gendurable._is_open('public.gd_pause(text)'), 'PUBLIC may execute it');
select throws_ok($$ select gd_pause('q') $$, 'GD005', 'gendurable: every role may call this', 'it is closed, to its owner too');
revoke execute on function public.gd_pause(text) from public;
select lives_ok($$ select gd_pause('q') $$, 'and open again');

select * from finish();
rollback;
