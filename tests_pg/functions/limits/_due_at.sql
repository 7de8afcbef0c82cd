-- When the next instance that waits for tokens fits.
begin;
select plan(6);

create function pg_temp.due(p_total float8, p_weight float8, p_tokens float8, p_allowed float8 default 2,
    p_burst float8 default 10) returns interval language sql as $$
    select gendurable._due_at(p_total, p_weight, p_tokens, p_allowed, 60, p_burst, now()) - now()
$$;
select is(pg_temp.due(5, 3, 1), interval '2 minutes', 'when what it lacks, and all before it, has been refilled');
select is(gendurable._due_at(null, null, 1, 2, 60, 10, now()), null, 'none waits');
select is(gendurable._due_at(11, 11, 1, 2, 60, 10, now()), 'infinity', 'a weight above the burst never fits');
select is(gendurable._due_at(5, 3, 1, 0, 60, 10, now()), 'infinity', 'without a refill nothing does');
select ok(gendurable._due_at(1e100, 1, 0, 1e-300, 1e10, 1e100, now()) between now() + interval '100 years'
    and now() + interval '103 years', 'a century at most');
select is(pg_temp.due(15, 1, 1), interval '7 minutes', 'many light ones may together be more than the burst');

select * from finish();
rollback;
