// `\?`: the shell's own commands, for people and for completion.

enum CommandHelp {
  static let text = """
    General
      \\q                     leave
      \\h [STATEMENT]         the syntax of an SQL statement; without one, the list of them
      \\g [TARGET]            run the statement; its result goes to a file or |program
      \\gx [TARGET]           as \\g, with expanded output
      \\gset [PREFIX]         run the statement and put the values of its row into variables
      \\gexec                 run the statement, then each value of its result as a statement
      \\watch [SECONDS]       run the statement again and again, until Ctrl-C
      \\errverbose            the last error with everything that is known of it

    Statement being typed
      \\e [FILE]              edit it, or a file, in $EDITOR
      \\p                     show it
      \\r                     forget it
      \\w FILE                write it to a file
      \\s [FILE]              show the history, or write it to a file

    Files and output
      \\i FILE                run the statements of a file
      \\o [TARGET]            send results to a file or |program; without one, back here
      \\copy ...              COPY with a file on this side: \\copy TABLE from|to FILE [OPTIONS]
      \\echo [-n] TEXT...     write a text; \\qecho to where results go, \\warn to standard error
      \\! [COMMAND]           run a command of the system
      \\cd [DIRECTORY]        change the directory

    Conditions
      \\if EXPRESSION, \\elif EXPRESSION, \\else, \\endif

    The database           (S: with system objects, +: with more detail)
      \\d[S+]                 tables, views and sequences
      \\d[S+] NAME            one of them, or an index, with its columns and constraints
      \\dt \\di \\dv \\dm \\ds [S+] [PATTERN]
                             tables, indexes, views, materialized views, sequences
      \\dn[S+] [PATTERN]      schemas
      \\du[S+] [PATTERN]      roles
      \\df[S+] [PATTERN]      functions
      \\dT[S+] [PATTERN]      types
      \\dD \\db \\dp \\dx [PATTERN]
                             domains, tablespaces, privileges, extensions
      \\sf NAME, \\sv NAME     the definition of a function, of a view
      \\l[+] [PATTERN]        databases

    How results look
      \\x [on|off|auto]       expanded output
      \\a                     aligned or unaligned
      \\t [on|off]            rows only
      \\pset [NAME [VALUE]]   options: border columns csv_fieldsep expanded fieldsep footer format
                             linestyle null pager recordsep title tuples_only
      \\C [TEXT], \\f [TEXT]   title, field separator
      \\timing [on|off]       how long statements take

    The connection
      \\c [DATABASE [USER [HOST [PORT]]]]
                             connect anew; a URL is fine as well
      \\conninfo              what is connected
      \\encoding              the client's encoding

    Variables
      \\set [NAME [VALUE]]    set a variable, or list all of them
      \\unset NAME            unset it
      \\prompt [TEXT] NAME    ask for its value
      \\getenv NAME ENV, \\setenv ENV [VALUE]
      :NAME  :'NAME'  :"NAME" in a statement: the value as it is, as a literal, as an identifier

    """

  static let names = [
    "\\!", "\\?", "\\C", "\\a", "\\c", "\\cd", "\\conninfo", "\\connect", "\\copy", "\\copyright", "\\d", "\\dD",
    "\\dT",
    "\\db", "\\df", "\\di", "\\dm", "\\dn", "\\dp", "\\ds", "\\dt", "\\du", "\\dv", "\\dx", "\\e", "\\echo", "\\elif",
    "\\else", "\\encoding", "\\endif", "\\errverbose", "\\f", "\\g", "\\getenv", "\\gexec", "\\gset", "\\gx", "\\h",
    "\\i",
    "\\if", "\\l", "\\o", "\\p", "\\prompt", "\\pset", "\\q", "\\qecho", "\\r", "\\s", "\\set", "\\setenv", "\\sf",
    "\\sv",
    "\\t", "\\timing", "\\unset", "\\w", "\\warn", "\\watch", "\\x", "\\z",
  ]
}
