-- The moment from which an instance may start.
begin;
select plan(10);

select is(gendurable._eligible_at(null, null), now(), 'nothing given is now');
select is(gendurable._eligible_at('2100-01-01', null), '2100-01-01'::timestamptz, 'without a delay it is eligible_at');
select is(gendurable._eligible_at(null, '1 hour'), now() + interval '1 hour', 'a delay alone counts from now');
select is(gendurable._eligible_at('2100-01-01', '1 hour'), '2100-01-01 01:00'::timestamptz,
    'a delay counts from eligible_at');
select is(gendurable._eligible_at('2100-01-01', '0'), '2100-01-01'::timestamptz,
    'a delay of zero leaves eligible_at as it is');
select is(gendurable._eligible_at('2100-01-01', '-1 hour'), now(), 'a negative delay is at most now');
select is(gendurable._eligible_at('2000-01-01', '-1 hour'), '2000-01-01'::timestamptz,
    'a negative delay keeps an eligible_at in the past');
select is(gendurable._eligible_at('infinity', '1 hour'), 'infinity', 'never plus a delay is never');
select throws_ok($$ select gendurable._eligible_at('294276-01-01', '2 years') $$, 'GD002',
    'gendurable: invalid argument', 'a sum after the end of time is refused');
select throws_ok($$ select gendurable._eligible_at(null, '178000000 years') $$, 'GD002', null,
    'an interval that leaves every range is refused');

select * from finish();
rollback;
