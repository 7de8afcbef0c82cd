begin;
select plan(9);
select throws_ok($$ select gd_here(3) $$, 'GD030', 'gendurable: a partition is on its way to another database',
    'a database by itself has no partition');
select gendurable._set_partitions('{3,4}');
select is(gd_here(3), true, 'what is about a partition that is here goes on');
select is(gd_here(3, 4), true, 'about several');
select is(gd_here(variadic '{4,4}'), true, 'or an array of them');
select is(gd_here(null::int), true, 'without a partition the call itself says what is missing');
select is(gd_here(variadic null::int[]), true, 'also without any');
select throws_like($$ select gd_here(3, 5) $$, '%on its way%', 'each has to be here');
select is((select count(*) from pg_locks as l
    where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.classid = 26476 and l.mode = 'ShareLock'),
    2::bigint, 'it stays here until the transaction ends');
grant execute on function gd_here(int[]) to public;
select throws_ok($$ select gd_here(3) $$, 'GD005', 'gendurable: every role may call this',
    'not where every role may call it');
select finish();
rollback;
