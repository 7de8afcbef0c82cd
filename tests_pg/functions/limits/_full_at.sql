-- When a bucket is looked at again.
begin;
select plan(5);

create function pg_temp.full_at(p_tokens float8, p_allowed float8 default 1, p_cap interval default '-1 day')
    returns interval language sql as $$
    select gendurable._full_at(p_tokens, p_allowed, 60, 3, now(), now() + p_cap) - now()
$$;
select is(pg_temp.full_at(1), interval '2 minutes 1 s', 'a second after it is full');
select is(pg_temp.full_at(3), interval '1 s', 'also if it is full');
select is(pg_temp.full_at(1, 0.0001), interval '1 day', 'after a day at the latest');
select is(pg_temp.full_at(1, 0), interval '1 day', 'also one that never refills, of which the limit may change');
select is(pg_temp.full_at(1, 1, '3 minutes'), interval '3 minutes', 'not before the cap');

select * from finish();
rollback;
