-- What a token bucket holds at a moment.
begin;
select plan(10);

create function pg_temp.tokens(p_tokens float8, p_seconds float8, p_allowed float8 default 10,
    p_period interval default '1 minute', p_burst float8 default 20) returns float8 language sql as $$
    select gendurable._tokens(p_tokens, now(), p_allowed, p_period, p_burst, now() + p_seconds * interval '1 s')
$$;
select is(pg_temp.tokens(null, 0), 20::float8, 'one that is not there is full');
select is(pg_temp.tokens(5, 0), 5::float8, 'at the moment itself it holds what it held');
select is(pg_temp.tokens(5, 30), 10::float8, 'it is refilled by allowed in each period, evenly');
select is(pg_temp.tokens(5, 3), 5.5::float8, 'by fractions');
select is(pg_temp.tokens(5, 86400), 20::float8, 'up to the burst');
select is(pg_temp.tokens(5, -10), 5::float8, 'a clock that went back takes nothing away');
select is(pg_temp.tokens(5, 86400, 0), 5::float8, 'allowed 0 never refills');
select is(pg_temp.tokens(50, 0), 20::float8, 'a lower burst cuts');
select is(pg_temp.tokens(0, 3600, 1, '2 hours'), 0.5::float8, 'a period of any length');
select is(gendurable._tokens(5, null, null, null, null, now()), null, 'without a limit the number is unknown');

select * from finish();
rollback;
