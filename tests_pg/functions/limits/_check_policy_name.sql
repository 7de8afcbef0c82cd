-- A limit is set for a name, not for a key.
begin;
\ir ../prelude.psql
select plan(5);

select is(pg_temp.refusal($$ select gendurable._check_policy_name('mail') $$), 'no error', 'a name');
select is(pg_temp.refusal($$ select gendurable._check_policy_name('mail:7') $$), 'GD002 name is mail:7', 'a key');
select is(pg_temp.refusal($$ select gendurable._check_policy_name(':') $$), 'GD002 name is :', 'a colon alone');
select is(pg_temp.refusal($$ select gendurable._check_policy_name(null) $$), 'GD001 name is required', 'nothing');
select is(pg_temp.refusal($$ select gendurable._check_policy_name(repeat('x', 1001)) $$),
    'GD002 name is longer than 1,000 bytes: ' || repeat('x', 40) || '...', 'too much');

select * from finish();
rollback;
