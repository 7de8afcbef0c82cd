-- What is said of an argument that is too long.
begin;
select plan(2);

select is(gendurable._too_long_problem('queue', repeat('é', 501)),
    'queue is longer than 1,000 bytes: ' || repeat('é', 40) || '...', 'its value is cut');
select is(gendurable._too_long_problem('a name'), 'a name is empty or longer than 1,000 bytes',
    'without a value it may be empty as well');

select * from finish();
rollback;
