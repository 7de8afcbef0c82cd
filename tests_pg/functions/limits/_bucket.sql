-- The token bucket of a key; what it holds is tested with _tokens.
begin;
select plan(4);

select gd_set_rate_limit('r', 10, '2 s', 20) \g /dev/null
select results_eq($$ select * from gendurable._bucket('r:1', now()) $$, $$ values (10::float8, 2::float8, 20::float8, 20::float8) $$, 'one that is not there is full');
insert into gendurable.buckets (key, tokens, refilled_at) values ('r:1', 3, now()), ('gone', 3, now());
select results_eq($$ select tokens from gendurable._bucket('r:1', now() + interval '1 s') $$, $$ values (8::float8) $$, 'one that is there is refilled since');
select results_eq($$ select tokens from gendurable._bucket('r', now()) $$, $$ values (20::float8) $$, 'every key has its own');
select results_eq($$ select * from gendurable._bucket('gone', now()) $$, $$ values (null::float8, null::float8, null::float8, null::float8) $$, 'of a name without a limit nothing is known');

select * from finish();
rollback;
