-- Picks and commits count what others have committed: an older snapshot will not do. Nothing else needs a newer one.
begin isolation level repeatable read;
\ir ../prelude.psql
select plan(6);

select is(pg_temp.refusal('select gendurable._refuse_isolation()'), 'GD004 transaction isolation is repeatable read',
    'the isolation is named');
select is(pg_temp.refusal(format('select gd_pick(%s, %L, 1)', :me, 'q')),
    'GD004 transaction isolation is repeatable read', 'gd_pick refuses');
select is(pg_temp.refusal(format('select gd_commit(%s, %L)', :me, '[]')),
    'GD004 transaction isolation is repeatable read', 'gd_commit refuses');
select lives_ok($$ select gd_set_concurrency_limit('k', 1), gd_drop_concurrency_limit('k') $$,
    'a concurrency limit is set in any isolation: the pick that answers it looks who waits');
select lives_ok($$ select gd_set_rate_limit('r', 1, '1 s'), gd_drop_rate_limit('r') $$, 'and so is a rate limit');
select lives_ok($$ select gd_enqueue('m', concurrency_key => 'k') $$, 'applications may enqueue in any isolation');

select * from finish();
rollback;
