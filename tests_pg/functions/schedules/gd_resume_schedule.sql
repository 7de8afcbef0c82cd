-- gd_resume_schedule: a schedule goes on.
begin;
\ir ../prelude.psql
\ir prelude.psql
select plan(7);

select is(gd_resume_schedule('a'), false, 'there is none');
select gd_schedule('a', '@every 1 hour', 'm', queue => 'q', overlap => 'allow', missed => 'all'),
    gd_schedule('b', '@every 1 hour', 'b', queue => 'q', missed => 'skip') \g /dev/null
select is(gd_resume_schedule('a'), true, 'not paused is no error');
select gd_pause_schedule('a'), gd_pause_schedule('b') \g /dev/null
select pg_temp.age('a', '3 hours'), pg_temp.age('b', '150 minutes') \g /dev/null
select is(pg_temp.pick(9), '-', 'paused');
select is(gd_resume_schedule('a') and gd_resume_schedule('b'), true, 'it goes on');
select is(pg_temp.pick(9), 'm m m', 'what was due meanwhile was missed: each schedule says what becomes of it');
select is(pg_temp.lateness(), '7210 3610 10', '… in order');
select is(pg_temp.refusal('select gd_resume_schedule(null)'), 'GD001 name is required', 'a name is required');

select * from finish();
rollback;
