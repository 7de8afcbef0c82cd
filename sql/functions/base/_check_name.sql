-- Refuses a name that is missing, empty or too long.
--
-- Errors: GD001, GD002.
create function gendurable._check_name(p_argument text, p_name text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(p_name, '') = '' then
        perform gendurable._refuse('GD001', format('%s is required', p_argument),
                                   format('Give %s.', p_argument));
    elsif gendurable._too_long(p_name) then
        perform gendurable._refuse(
            'GD002', gendurable._too_long_problem(p_argument, p_name), 'Use a shorter one.');
    end if;
end
$$;
comment on function gendurable._check_name(text, text)
    is 'Refuses a name that is missing, empty or too long.';
