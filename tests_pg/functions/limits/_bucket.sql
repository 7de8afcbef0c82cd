-- The token bucket of a key; what it holds is tested with _tokens.
begin;
select plan(6);

select gd_set_rate_limit('r', 10, '2 s', 20) \g /dev/null
select results_eq($$ select allowed, period, burst, tokens from gendurable._bucket('r:1', now()) $$, $$
    values (10::float8, 2::float8, 20::float8, 20::float8) $$, 'one that is not there is full');
insert into gendurable.buckets (key, tokens, refilled_at) values ('r:1', 3, now()), ('gone', 3, now());
select results_eq($$ select tokens from gendurable._bucket('r:1', now() + interval '1 s') $$, $$
    values (8::float8) $$, 'one that is there is refilled since');
select results_eq($$ select tokens from gendurable._bucket('r', now()) $$, $$
    values (20::float8) $$, 'every key has its own');
select results_eq($$ select allowed, period, burst, tokens from gendurable._bucket('gone', now()) $$, $$
    values (null::float8, null::float8, null::float8, null::float8) $$, 'of a name without a limit nothing is known');

insert into gendurable.buckets (key, seq, tokens, refilled_at, due_at) select key, seq + 1, 5, now(),
    'infinity' from gendurable.buckets where key = 'r:1';
select results_eq($$ select b.tokens, b.due_at, b.seq - x.seq,
    b.place = x.ctid from gendurable._bucket('r:1', now()) as b cross
    join (select seq, ctid from gendurable.buckets where tokens = 5) as x $$,
    $$ values (5::float8, timestamptz 'infinity', 0::bigint, true) $$,
    'the newest version counts: when it is due, its number, its place');
select results_eq($$ select due_at, seq, place from gendurable._bucket('r:2', now()) $$, $$
    values (null::timestamptz, null::bigint, null::tid) $$, 'one that is not there has none');

select * from finish();
rollback;
